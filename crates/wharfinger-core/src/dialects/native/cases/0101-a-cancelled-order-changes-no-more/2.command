orders cancel --org TRK001 --dialect native A-1
