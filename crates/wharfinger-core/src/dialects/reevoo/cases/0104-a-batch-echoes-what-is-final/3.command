orders cancel --org TRK001 --dialect reevoo A-2
