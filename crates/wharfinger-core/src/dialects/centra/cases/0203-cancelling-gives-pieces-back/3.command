orders cancel --org CAT001 --dialect centra 50
