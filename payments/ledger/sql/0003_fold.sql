-- Give postings of an appended account their numbers and let its balance know of them, the oldest first. Returns how
-- many there were; nothing is missed, for those that commit later come next time.
CREATE OR REPLACE FUNCTION ledger_fold(of_account bigint, at_most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $ledger$
DECLARE
    account ledger_account;
    moment timestamptz;
    change bigint;
    folded integer;
BEGIN
    SELECT * INTO account FROM ledger_account WHERE id = of_account AND is_appended FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    moment := greatest(account.moved_at, clock_timestamp());
    WITH due AS MATERIALIZED (
        SELECT entry_id, leg, amount_minor FROM ledger_posting
        WHERE account_id = of_account AND seq IS NULL ORDER BY entry_id, leg LIMIT at_most
    ), placed AS (
        SELECT entry_id, leg, row_number() OVER by_age AS place, (sum(amount_minor) OVER by_age)::bigint AS total
        FROM due WINDOW by_age AS (ORDER BY entry_id, leg)
    ), written AS (
        UPDATE ledger_posting AS posting
        SET seq = account.seq + placed.place,
            balance_after_minor = account.balance_minor + placed.total,
            posted_at = moment
        FROM placed WHERE posting.entry_id = placed.entry_id AND posting.leg = placed.leg
        RETURNING posting.amount_minor
    )
    SELECT count(*), coalesce(sum(amount_minor), 0) INTO folded, change FROM written;
    IF folded > 0 THEN
        UPDATE ledger_account
        SET balance_minor = balance_minor + change, seq = seq + folded, moved_at = moment WHERE id = of_account;
    END IF;
    RETURN folded;
END $ledger$;

-- Fold until ``amount`` can leave the account, or nothing is left to fold.
CREATE OR REPLACE FUNCTION ledger_fold_for(of_account bigint, amount bigint) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $ledger$
BEGIN
    LOOP
        PERFORM 1 FROM ledger_account
        WHERE id = of_account AND balance_minor - held_minor - floor_minor >= amount FOR NO KEY UPDATE;
        EXIT WHEN FOUND OR ledger_fold(of_account, 5000) = 0;
    END LOOP;
END $ledger$;
