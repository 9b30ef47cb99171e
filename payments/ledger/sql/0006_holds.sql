-- Set an amount aside. Returns new_id, or the id of the hold that an earlier attempt made.
CREATE OR REPLACE FUNCTION ledger_hold(
    new_id bigint, of_account bigint, amount bigint, in_currency text,
    of_purpose text, of_reference text, at_step text, until timestamptz
) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $ledger$
DECLARE
    earlier ledger_hold;
    account ledger_account;
BEGIN
    IF amount IS NULL OR amount NOT BETWEEN 1 AND 9000000000000000 THEN
        RAISE EXCEPTION '% is no amount', amount USING ERRCODE = 'SL400';
    END IF;
    INSERT INTO ledger_hold
        (id, account_id, currency, purpose, reference, step, asked_minor, amount_minor, expires_at)
    VALUES (new_id, of_account, in_currency, of_purpose, of_reference, at_step, amount, amount, until)
    ON CONFLICT (reference, purpose, step) DO NOTHING;
    IF NOT FOUND THEN
        SELECT * INTO earlier FROM ledger_hold
        WHERE purpose = of_purpose AND reference = of_reference AND step = at_step;
        IF (earlier.account_id, earlier.currency, earlier.asked_minor) IS DISTINCT FROM (of_account, in_currency, amount)
        THEN
            RAISE EXCEPTION 'this step held something else' USING ERRCODE = 'SL409';
        END IF;
        RETURN earlier.id;
    END IF;
    IF until <= clock_timestamp() THEN
        RAISE EXCEPTION 'a hold ends later than now' USING ERRCODE = 'SL411';
    END IF;
    PERFORM ledger_set_aside(of_account, amount, in_currency);
    RETURN new_id;
END $ledger$;

CREATE OR REPLACE FUNCTION ledger_set_aside(of_account bigint, amount bigint, in_currency text) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $ledger$
DECLARE
    account record;
BEGIN
    PERFORM 1 FROM ledger_account WHERE id = of_account AND is_appended;
    IF FOUND THEN
        PERFORM ledger_fold_for(of_account, amount);
    END IF;
    UPDATE ledger_account SET held_minor = held_minor + amount WHERE id = of_account
    RETURNING status, currency INTO account;
    IF account.status IS DISTINCT FROM 'open' THEN
        PERFORM ledger_check_status(of_account, account.status, -amount, false);
    ELSIF account.currency <> in_currency THEN
        RAISE EXCEPTION 'account % is not in %', of_account, in_currency USING ERRCODE = 'SL423';
    END IF;
END $ledger$;

-- Let a hold be ``amount`` in all from now on.
CREATE OR REPLACE FUNCTION ledger_raise_hold(of_hold bigint, amount bigint, at_step text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $ledger$
DECLARE
    hold ledger_hold;
    raised bigint;
BEGIN
    IF amount IS NULL OR amount NOT BETWEEN 1 AND 9000000000000000 THEN
        RAISE EXCEPTION '% is no amount', amount USING ERRCODE = 'SL400';
    END IF;
    SELECT * INTO hold FROM ledger_hold WHERE id = of_hold FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no hold %', of_hold USING ERRCODE = 'SL404';
    END IF;
    SELECT amount_minor INTO raised FROM ledger_hold_step WHERE hold_id = of_hold AND step = at_step;
    IF FOUND THEN
        IF raised <> amount THEN
            RAISE EXCEPTION 'this step raised it to something else' USING ERRCODE = 'SL409';
        END IF;
        RETURN;
    ELSIF hold.status <> 'open' OR hold.expires_at <= clock_timestamp() THEN
        RAISE EXCEPTION 'hold % has ended', of_hold USING ERRCODE = 'SL411';
    ELSIF amount < hold.amount_minor THEN
        RAISE EXCEPTION 'hold % is higher than that', of_hold USING ERRCODE = 'SL425';
    END IF;
    INSERT INTO ledger_hold_step (hold_id, step, amount_minor) VALUES (of_hold, at_step, amount);
    UPDATE ledger_hold SET amount_minor = amount WHERE id = of_hold;
    PERFORM ledger_set_aside(hold.account_id, amount - hold.amount_minor, hold.currency);
END $ledger$;

-- Pay out of what was held to ``accounts``, and give the rest free. Returns new_id, or that of an earlier attempt.
CREATE OR REPLACE FUNCTION ledger_capture(
    new_id bigint, of_hold bigint, accounts bigint[], amounts bigint[],
    of_purpose text, of_reference text, at_step text
) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $ledger$
DECLARE
    hold ledger_hold;
    earlier bigint;
    total numeric := (SELECT sum(amount) FROM unnest(amounts) AS amount);
BEGIN
    IF total IS NULL OR total > 9000000000000000 OR EXISTS (SELECT FROM unnest(amounts) AS amount WHERE amount <= 0) THEN
        RAISE EXCEPTION 'a capture pays every one something' USING ERRCODE = 'SL400';
    END IF;
    SELECT * INTO hold FROM ledger_hold WHERE id = of_hold FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no hold %', of_hold USING ERRCODE = 'SL404';
    END IF;
    INSERT INTO ledger_entry (id, purpose, reference, step) VALUES (new_id, of_purpose, of_reference, at_step)
    ON CONFLICT (reference, purpose, step) DO NOTHING;
    IF NOT FOUND THEN
        earlier := ledger_replayed(
            of_purpose, of_reference, at_step, accounts || hold.account_id, amounts || -total::bigint
        );
        IF hold.entry_id IS DISTINCT FROM earlier THEN
            RAISE EXCEPTION 'this step moved something else' USING ERRCODE = 'SL409';
        END IF;
        RETURN earlier;
    ELSIF hold.status <> 'open' OR hold.expires_at <= clock_timestamp() THEN
        RAISE EXCEPTION 'hold % has ended', of_hold USING ERRCODE = 'SL411';
    ELSIF total > hold.amount_minor THEN
        RAISE EXCEPTION 'hold % is lower than that', of_hold USING ERRCODE = 'SL424';
    END IF;
    UPDATE ledger_hold
    SET status = 'captured', captured_minor = total, entry_id = new_id, ended_at = clock_timestamp() WHERE id = of_hold;
    PERFORM ledger_write(
        new_id, accounts || hold.account_id, amounts || -total::bigint, false, hold.account_id, hold.amount_minor
    );
    RETURN new_id;
END $ledger$;

-- False: it had ended before.
CREATE OR REPLACE FUNCTION ledger_release(of_hold bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $ledger$
DECLARE
    hold ledger_hold;
BEGIN
    SELECT * INTO hold FROM ledger_hold WHERE id = of_hold FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no hold %', of_hold USING ERRCODE = 'SL404';
    ELSIF hold.status <> 'open' THEN
        RETURN false;
    END IF;
    UPDATE ledger_hold SET status = 'released', ended_at = clock_timestamp() WHERE id = of_hold;
    UPDATE ledger_account SET held_minor = held_minor - hold.amount_minor WHERE id = hold.account_id;
    RETURN true;
END $ledger$;
