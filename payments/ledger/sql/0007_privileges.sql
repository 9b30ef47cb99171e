-- The application's role, whose name a migration does not know, may read the tables and call the primitives.
DO $$
DECLARE
    somebody text;
    made regprocedure;
BEGIN
    FOR made IN
        SELECT oid::regprocedure FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace AND starts_with(proname, 'ledger_')
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', made);
    END LOOP;
    FOR somebody IN
        SELECT DISTINCT quote_ident(pg_get_userbyid(grantee)) FROM pg_class, aclexplode(relacl)
        WHERE pg_class.oid = 'ledger_entry'::regclass AND grantee NOT IN (0, relowner)
    LOOP
        EXECUTE format(
            'REVOKE INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER'
            ' ON ledger_account, ledger_entry, ledger_posting, ledger_hold, ledger_hold_step FROM %s', somebody
        );
        FOR made IN
            SELECT oid::regprocedure FROM pg_proc
            WHERE pronamespace = 'public'::regnamespace AND proname IN (
                'ledger_open_account', 'ledger_set_status', 'ledger_seq_at', 'ledger_fold', 'ledger_transfer',
                'ledger_post', 'ledger_reverse', 'ledger_hold', 'ledger_raise_hold', 'ledger_capture', 'ledger_release')
        LOOP
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %s', made, somebody);
        END LOOP;
    END LOOP;
END $$;
