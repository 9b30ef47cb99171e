-- Refusals are SQLSTATEs of the class SL; payments/ledger/services.py says what each one is to people.

CREATE OR REPLACE FUNCTION ledger_open_account(
    new_id bigint, of_kind text, of_owner bigint, of_name text, in_currency text,
    with_floor bigint, with_ceiling bigint, appended boolean
) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $ledger$
DECLARE
    found_id bigint;
BEGIN
    INSERT INTO ledger_account (id, kind, owner, name, currency, floor_minor, ceiling_minor, is_appended)
    VALUES (new_id, of_kind, of_owner, of_name, in_currency, with_floor, with_ceiling, appended)
    ON CONFLICT (owner, kind, name, currency) DO NOTHING;
    SELECT id INTO found_id FROM ledger_account
    WHERE owner = of_owner AND kind = of_kind AND name = of_name AND currency = in_currency;
    RETURN found_id;
END $ledger$;

CREATE OR REPLACE FUNCTION ledger_set_status(of_account bigint, new_status text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $ledger$
DECLARE
    account ledger_account;
BEGIN
    SELECT * INTO account FROM ledger_account WHERE id = of_account FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no account %', of_account USING ERRCODE = 'SL404';
    ELSIF account.status = 'closed' AND new_status <> 'closed' THEN
        RAISE EXCEPTION 'account % is closed', of_account USING ERRCODE = 'SL002';
    ELSIF new_status = 'closed' AND account.is_appended THEN
        -- Money comes in without a lock, so nobody could say that none is on its way.
        RAISE EXCEPTION 'account % is frozen, never closed', of_account USING ERRCODE = 'SL426';
    ELSIF new_status = 'closed' AND (account.balance_minor, account.held_minor) <> (0, 0) THEN
        RAISE EXCEPTION 'account % is not empty', of_account USING ERRCODE = 'SL426';
    END IF;
    UPDATE ledger_account SET status = new_status WHERE id = of_account AND status <> new_status;
END $ledger$;

-- The number of the account's last posting from before a moment, 0 when there is none. Numbers and moments rise
-- together, so halving finds it in as many looks as the number has bits.
CREATE OR REPLACE FUNCTION ledger_seq_at(of_account bigint, moment timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $ledger$
DECLARE
    low bigint := 0;
    high bigint;
    middle bigint;
BEGIN
    SELECT seq INTO high FROM ledger_account WHERE id = of_account;
    WHILE low < high LOOP
        middle := (low + high + 1) / 2;
        IF (SELECT posted_at FROM ledger_posting WHERE account_id = of_account AND seq = middle) < moment THEN
            low := middle;
        ELSE
            high := middle - 1;
        END IF;
    END LOOP;
    RETURN low;
END $ledger$;
