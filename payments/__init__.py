"""The wallet: cards and bank accounts, transfers, red packets, payment codes, merchant orders."""
