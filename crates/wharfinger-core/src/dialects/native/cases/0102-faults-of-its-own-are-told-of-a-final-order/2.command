orders process --org TRK001 --dialect native A-1
