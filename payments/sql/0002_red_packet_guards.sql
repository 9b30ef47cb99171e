CREATE TRIGGER payments_red_packet_keeps_what_it_says BEFORE UPDATE ON payments_red_packet FOR EACH ROW
WHEN (
    OLD.state <> 'open' OR NEW.taken < OLD.taken
    OR (OLD.id, OLD.sender_id, OLD.conversation_id, OLD.kind, OLD.currency, OLD.amounts, OLD.seed)
        IS DISTINCT FROM
        (NEW.id, NEW.sender_id, NEW.conversation_id, NEW.kind, NEW.currency, NEW.amounts, NEW.seed)
) EXECUTE FUNCTION payments_refuse_change();

CREATE TRIGGER payments_red_packet_claim_is_its_part BEFORE INSERT ON payments_red_packet_claim
FOR EACH ROW EXECUTE FUNCTION payments_check_red_packet_claim();

CREATE TRIGGER payments_red_packet_claim_stays BEFORE UPDATE OR DELETE ON payments_red_packet_claim
FOR EACH ROW EXECUTE FUNCTION payments_refuse_change();
