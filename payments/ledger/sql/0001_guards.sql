-- What the database refuses to everybody, its owner included.

CREATE OR REPLACE FUNCTION ledger_refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $ledger$
BEGIN
    RAISE EXCEPTION '% is only ever appended to', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $ledger$;

CREATE TRIGGER ledger_entry_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entry
FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();

CREATE TRIGGER ledger_posting_stays BEFORE DELETE OR TRUNCATE ON ledger_posting
FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();

-- A posting is given its place once. The condition is part of the trigger, so that folding calls no function.
CREATE TRIGGER ledger_posting_keeps_what_it_says BEFORE UPDATE ON ledger_posting FOR EACH ROW
WHEN (
    OLD.seq IS NOT NULL OR NEW.seq IS NULL
    OR (OLD.entry_id, OLD.leg, OLD.account_id, OLD.currency, OLD.amount_minor)
        IS DISTINCT FROM (NEW.entry_id, NEW.leg, NEW.account_id, NEW.currency, NEW.amount_minor)
) EXECUTE FUNCTION ledger_refuse_change();

CREATE TRIGGER ledger_account_stays BEFORE DELETE OR TRUNCATE ON ledger_account
FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();

CREATE TRIGGER ledger_account_keeps_what_it_is BEFORE UPDATE ON ledger_account FOR EACH ROW
WHEN (
    OLD.status = 'closed' AND NEW.status <> 'closed' OR NEW.seq < OLD.seq OR NEW.moved_at < OLD.moved_at
    OR (OLD.id, OLD.kind, OLD.owner, OLD.name, OLD.currency, OLD.is_appended)
        IS DISTINCT FROM (NEW.id, NEW.kind, NEW.owner, NEW.name, NEW.currency, NEW.is_appended)
) EXECUTE FUNCTION ledger_refuse_change();

CREATE TRIGGER ledger_hold_stays BEFORE DELETE OR TRUNCATE ON ledger_hold
FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();

CREATE TRIGGER ledger_hold_keeps_what_it_is BEFORE UPDATE ON ledger_hold FOR EACH ROW
WHEN (
    OLD.status <> 'open' OR NEW.amount_minor < OLD.amount_minor
    OR (OLD.id, OLD.account_id, OLD.currency, OLD.purpose, OLD.reference, OLD.step, OLD.asked_minor)
        IS DISTINCT FROM (NEW.id, NEW.account_id, NEW.currency, NEW.purpose, NEW.reference, NEW.step, NEW.asked_minor)
) EXECUTE FUNCTION ledger_refuse_change();

CREATE TRIGGER ledger_hold_step_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_hold_step
FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();

-- All postings of an entry come in one statement, and add up to nothing in each currency.
CREATE OR REPLACE FUNCTION ledger_check_sum_zero() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $ledger$
DECLARE
    uneven bigint;
BEGIN
    SELECT entry_id INTO uneven FROM fresh GROUP BY entry_id, currency HAVING sum(amount_minor) <> 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the postings of entry % do not add up to zero', uneven
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_posting_sum_zero';
    END IF;
    RETURN NULL;
END $ledger$;

CREATE TRIGGER ledger_posting_sum_zero AFTER INSERT ON ledger_posting REFERENCING NEW TABLE AS fresh
FOR EACH STATEMENT EXECUTE FUNCTION ledger_check_sum_zero();
