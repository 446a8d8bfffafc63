orders process --org TRK001 --dialect reevoo A-1
