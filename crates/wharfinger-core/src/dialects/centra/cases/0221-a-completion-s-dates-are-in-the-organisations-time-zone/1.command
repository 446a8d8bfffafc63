org set TRK001 --time-zone Asia/Tokyo
