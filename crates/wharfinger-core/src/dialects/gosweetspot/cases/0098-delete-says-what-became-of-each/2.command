orders process --org TRK001 --dialect gosweetspot A-2
