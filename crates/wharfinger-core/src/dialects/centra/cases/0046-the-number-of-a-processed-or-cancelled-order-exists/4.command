orders cancel --org TRK001 --dialect centra 9
