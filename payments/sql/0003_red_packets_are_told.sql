CREATE OR REPLACE TRIGGER payments_red_packet_keeps_what_it_says BEFORE UPDATE ON payments_red_packet FOR EACH ROW
WHEN (
    NEW.taken < OLD.taken OR NEW.is_told < OLD.is_told
    OR (OLD.id, OLD.sender_id, OLD.conversation_id, OLD.kind, OLD.currency, OLD.amounts, OLD.seed)
        IS DISTINCT FROM
        (NEW.id, NEW.sender_id, NEW.conversation_id, NEW.kind, NEW.currency, NEW.amounts, NEW.seed)
    -- What is over stays over.
    OR (
        OLD.state <> 'open'
        AND (OLD.state, OLD.taken, OLD.claimed_minor, OLD.closed_at, OLD.expires_at)
            IS DISTINCT FROM (NEW.state, NEW.taken, NEW.claimed_minor, NEW.closed_at, NEW.expires_at)
    )
) EXECUTE FUNCTION payments_refuse_change();
