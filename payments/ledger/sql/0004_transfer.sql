-- The entry that an earlier attempt made, if it moved the same money.
CREATE OR REPLACE FUNCTION ledger_replayed(
    of_purpose text, of_reference text, at_step text, accounts bigint[], amounts bigint[]
) RETURNS bigint LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $ledger$
DECLARE
    found_id bigint;
BEGIN
    SELECT id INTO found_id FROM ledger_entry
    WHERE purpose = of_purpose AND reference = of_reference AND step = at_step;
    IF found_id IS NULL OR (
        SELECT array_agg(account_id || ':' || amount_minor ORDER BY account_id) FROM ledger_posting
        WHERE entry_id = found_id
    ) IS DISTINCT FROM (
        SELECT array_agg(account || ':' || amount ORDER BY account) FROM unnest(accounts, amounts) AS asked (account, amount)
    ) THEN
        RAISE EXCEPTION 'this step moved something else' USING ERRCODE = 'SL409';
    END IF;
    RETURN found_id;
END $ledger$;

-- Raises unless money may reach or leave an account in this state.
CREATE OR REPLACE FUNCTION ledger_check_status(of_account bigint, status text, amount bigint, returns boolean)
RETURNS void LANGUAGE plpgsql IMMUTABLE SET search_path = public, pg_temp AS $ledger$
BEGIN
    IF status IS NULL THEN
        RAISE EXCEPTION 'there is no account %', of_account USING ERRCODE = 'SL404';
    ELSIF status = 'closed' THEN
        RAISE EXCEPTION 'account % is closed', of_account USING ERRCODE = 'SL002';
    ELSIF status = 'frozen' AND NOT (returns AND amount > 0) THEN
        RAISE EXCEPTION 'account % is frozen', of_account USING ERRCODE = 'SL001';
    END IF;
END $ledger$;

-- Two accounts, one trip. Returns new_id, or the id of the entry that an earlier attempt made.
CREATE OR REPLACE FUNCTION ledger_transfer(
    new_id bigint, debit bigint, credit bigint, amount bigint, in_currency text,
    of_purpose text, of_reference text, at_step text, returns boolean
) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $ledger$
DECLARE
    accounts bigint[2] := ARRAY[least(debit, credit), greatest(debit, credit)];
    changes bigint[2] := CASE WHEN debit < credit THEN ARRAY[-amount, amount] ELSE ARRAY[amount, -amount] END;
    places bigint[2];
    balances bigint[2];
    moments timestamptz[2];
    account record;
BEGIN
    IF amount IS NULL OR amount NOT BETWEEN 1 AND 9000000000000000 THEN
        RAISE EXCEPTION '% is no amount', amount USING ERRCODE = 'SL400';
    ELSIF debit = credit THEN
        RAISE EXCEPTION 'from % to itself', debit USING ERRCODE = 'SL422';
    END IF;
    INSERT INTO ledger_entry (id, purpose, reference, step) VALUES (new_id, of_purpose, of_reference, at_step)
    ON CONFLICT (reference, purpose, step) DO NOTHING;
    IF NOT FOUND THEN
        RETURN ledger_replayed(of_purpose, of_reference, at_step, accounts, changes);
    END IF;
    -- The lower id first, whichever way the money goes: so nobody waits in a circle.
    FOR turn IN 1..2 LOOP
        UPDATE ledger_account
        SET balance_minor = balance_minor + changes[turn], seq = seq + 1,
            moved_at = greatest(moved_at, clock_timestamp())
        WHERE id = accounts[turn] AND NOT is_appended
        RETURNING status, currency, balance_minor, ceiling_minor, seq, moved_at INTO account;
        IF FOUND THEN
            -- What comes back is let in above it: it was there before.
            IF changes[turn] > 0 AND account.balance_minor > account.ceiling_minor AND NOT returns THEN
                RAISE EXCEPTION 'account % would hold more than it may', accounts[turn] USING ERRCODE = 'SL427';
            END IF;
            places[turn] := account.seq;
            balances[turn] := account.balance_minor;
            moments[turn] := account.moved_at;
        ELSE
            SELECT status, currency, floor_minor INTO account FROM ledger_account WHERE id = accounts[turn];
            IF account.floor_minor IS NOT NULL AND changes[turn] < 0 THEN
                PERFORM ledger_fold_for(accounts[turn], amount);
                UPDATE ledger_account
                SET balance_minor = balance_minor + changes[turn], seq = seq + 1,
                    moved_at = greatest(moved_at, clock_timestamp())
                WHERE id = accounts[turn]
                RETURNING status, currency, balance_minor, seq, moved_at INTO account;
                places[turn] := account.seq;
                balances[turn] := account.balance_minor;
                moments[turn] := account.moved_at;
            END IF;
        END IF;
        IF account.status IS DISTINCT FROM 'open' THEN
            PERFORM ledger_check_status(accounts[turn], account.status, changes[turn], returns);
        END IF;
        IF account.currency <> in_currency THEN
            RAISE EXCEPTION 'account % is not in %', accounts[turn], in_currency USING ERRCODE = 'SL423';
        END IF;
    END LOOP;
    INSERT INTO ledger_posting
        (entry_id, leg, account_id, currency, amount_minor, seq, balance_after_minor, posted_at)
    VALUES
        (new_id, 1, accounts[1], in_currency, changes[1], places[1], balances[1], moments[1]),
        (new_id, 2, accounts[2], in_currency, changes[2], places[2], balances[2], moments[2]);
    RETURN new_id;
END $ledger$;
