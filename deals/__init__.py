"""Find a good place, read reviews, buy a deal, redeem the voucher at the counter."""
