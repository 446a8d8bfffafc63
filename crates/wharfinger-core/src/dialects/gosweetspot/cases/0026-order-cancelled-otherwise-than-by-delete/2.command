orders cancel --org TRK001 --dialect gosweetspot A-1
