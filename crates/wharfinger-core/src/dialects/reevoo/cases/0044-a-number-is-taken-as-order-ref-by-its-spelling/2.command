orders process --org TRK001 --dialect reevoo 1050 10.50
