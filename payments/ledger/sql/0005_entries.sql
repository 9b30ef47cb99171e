-- Write the postings of an entry that is there already, all at once: ``accounts`` are different ones. What was held of
-- ``holder`` is given free in the same step, so that capturing never takes what is promised to somebody else; and what
-- was promised before an account was frozen is kept.
CREATE OR REPLACE FUNCTION ledger_write(
    entry bigint, accounts bigint[], amounts bigint[], returns boolean, holder bigint, held bigint
) RETURNS void LANGUAGE plpgsql SET search_path = public, pg_temp AS $ledger$
DECLARE
    account record;
BEGIN
    -- The most are in a refund of what was settled to many, in several steps.
    IF coalesce(cardinality(accounts), 0) NOT BETWEEN 2 AND 1000
        OR cardinality(accounts) IS DISTINCT FROM cardinality(amounts) THEN
        RAISE EXCEPTION 'an entry has 2 to 1000 legs' USING ERRCODE = 'SL400';
    ELSIF cardinality(accounts) <> (SELECT count(DISTINCT id) FROM unnest(accounts) AS id) THEN
        RAISE EXCEPTION 'an account has one leg' USING ERRCODE = 'SL422';
    ELSIF EXISTS (
        SELECT FROM unnest(amounts) AS amount
        WHERE amount IS NULL OR amount = 0 OR amount NOT BETWEEN -9000000000000000 AND 9000000000000000
    ) THEN
        RAISE EXCEPTION 'a leg moves nothing, or too much' USING ERRCODE = 'SL400';
    END IF;
    -- In the order of ids, as everywhere. Appended accounts are only read, unless money leaves one that has a floor.
    FOR account IN
        SELECT asked.id, asked.amount, a.is_appended, a.floor_minor
        FROM unnest(accounts, amounts) AS asked (id, amount) LEFT JOIN ledger_account AS a ON a.id = asked.id
        ORDER BY asked.id
    LOOP
        IF NOT account.is_appended THEN
            PERFORM 1 FROM ledger_account WHERE id = account.id FOR NO KEY UPDATE;
        ELSIF account.amount < 0 AND account.floor_minor IS NOT NULL THEN
            PERFORM ledger_fold_for(account.id, -account.amount - CASE WHEN account.id = holder THEN held ELSE 0 END);
        END IF;
    END LOOP;
    -- Only now, under the locks, is it known in what state they are.
    FOR account IN
        SELECT asked.id, asked.amount, a.status
        FROM unnest(accounts, amounts) AS asked (id, amount) LEFT JOIN ledger_account AS a ON a.id = asked.id
        WHERE a.status IS DISTINCT FROM 'open'
    LOOP
        IF account.id IS DISTINCT FROM holder THEN
            PERFORM ledger_check_status(account.id, account.status, account.amount, returns);
        END IF;
    END LOOP;
    WITH asked AS (
        SELECT * FROM unnest(accounts, amounts) WITH ORDINALITY AS asked (id, amount, leg)
    ), moved AS (
        UPDATE ledger_account AS a
        SET balance_minor = a.balance_minor + asked.amount, seq = a.seq + 1,
            held_minor = a.held_minor - CASE WHEN a.id = holder THEN held ELSE 0 END,
            moved_at = greatest(a.moved_at, clock_timestamp())
        FROM asked
        WHERE a.id = asked.id AND (NOT a.is_appended OR asked.amount < 0 AND a.floor_minor IS NOT NULL)
        RETURNING a.id, a.seq, a.balance_minor, a.moved_at
    )
    INSERT INTO ledger_posting
        (entry_id, leg, account_id, currency, amount_minor, seq, balance_after_minor, posted_at)
    SELECT entry, asked.leg, asked.id, a.currency, asked.amount, moved.seq, moved.balance_minor, moved.moved_at
    FROM asked JOIN ledger_account AS a ON a.id = asked.id LEFT JOIN moved ON moved.id = asked.id;
    -- What comes back is let in above it: it was there before.
    IF NOT returns AND EXISTS (
        SELECT FROM unnest(accounts, amounts) AS asked (id, amount) JOIN ledger_account AS a ON a.id = asked.id
        WHERE asked.amount > 0 AND NOT a.is_appended AND a.balance_minor > a.ceiling_minor
    ) THEN
        RAISE EXCEPTION 'an account would hold more than it may' USING ERRCODE = 'SL427';
    END IF;
END $ledger$;

-- Several legs, sum zero in each currency. Returns new_id, or the id of the entry that an earlier attempt made.
CREATE OR REPLACE FUNCTION ledger_post(
    new_id bigint, accounts bigint[], amounts bigint[],
    of_purpose text, of_reference text, at_step text, returns boolean
) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $ledger$
BEGIN
    INSERT INTO ledger_entry (id, purpose, reference, step) VALUES (new_id, of_purpose, of_reference, at_step)
    ON CONFLICT (reference, purpose, step) DO NOTHING;
    IF NOT FOUND THEN
        RETURN ledger_replayed(of_purpose, of_reference, at_step, accounts, amounts);
    END IF;
    PERFORM ledger_write(new_id, accounts, amounts, returns, NULL, 0);
    RETURN new_id;
END $ledger$;

-- Take an entry back, once: the same legs the other way round. What comes back reaches frozen accounts as well.
CREATE OR REPLACE FUNCTION ledger_reverse(
    new_id bigint, of_entry bigint, of_purpose text, of_reference text, at_step text
) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $ledger$
DECLARE
    accounts bigint[];
    amounts bigint[];
    reversed bigint;
BEGIN
    SELECT array_agg(account_id ORDER BY leg), array_agg(-amount_minor ORDER BY leg) INTO accounts, amounts
    FROM ledger_posting WHERE entry_id = of_entry;
    IF accounts IS NULL THEN
        RAISE EXCEPTION 'there is no entry %', of_entry USING ERRCODE = 'SL404';
    END IF;
    INSERT INTO ledger_entry (id, purpose, reference, step, reverses_id)
    VALUES (new_id, of_purpose, of_reference, at_step, of_entry) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        SELECT reverses_id INTO reversed FROM ledger_entry
        WHERE purpose = of_purpose AND reference = of_reference AND step = at_step;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'entry % was taken back before', of_entry USING ERRCODE = 'SL410';
        ELSIF reversed IS DISTINCT FROM of_entry THEN
            RAISE EXCEPTION 'this step moved something else' USING ERRCODE = 'SL409';
        END IF;
        RETURN ledger_replayed(of_purpose, of_reference, at_step, accounts, amounts);
    END IF;
    PERFORM ledger_write(new_id, accounts, amounts, true, NULL, 0);
    RETURN new_id;
END $ledger$;
