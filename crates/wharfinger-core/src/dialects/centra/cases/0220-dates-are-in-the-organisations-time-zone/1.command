org set TRK001 --time-zone Europe/Stockholm
