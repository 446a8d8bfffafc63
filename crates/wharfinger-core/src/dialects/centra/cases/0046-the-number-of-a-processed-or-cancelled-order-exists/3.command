orders process --org TRK001 --dialect centra 8
