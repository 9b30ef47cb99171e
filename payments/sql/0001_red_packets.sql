-- What the database sees to about red packets. It comes before the tables, whose constraints call the first function.

CREATE OR REPLACE FUNCTION payments_sum(amounts bigint[]) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog AS $payments$
    SELECT coalesce(sum(amount), 0)::bigint FROM unnest(amounts) AS amount
$payments$;

CREATE OR REPLACE FUNCTION payments_refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $payments$
BEGIN
    RAISE EXCEPTION 'what % says stays as it is', TG_TABLE_NAME USING ERRCODE = 'check_violation';
END $payments$;

CREATE OR REPLACE FUNCTION payments_check_red_packet_claim() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $payments$
BEGIN
    PERFORM 1 FROM payments_red_packet WHERE id = NEW.packet_id AND amounts[NEW.part] = NEW.amount_minor;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'part % of red packet % holds something else', NEW.part, NEW.packet_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $payments$;

-- Open the next part, if there is one for this person, and bring its money to their wallet. Returns its number and the
-- moment, or nothing: then somebody was faster, its day is over, or they have opened it before.
--
-- Everything that happens under the row's lock happens here, in one trip: the others wait for it.
CREATE OR REPLACE FUNCTION payments_open_red_packet(
    of_packet bigint, by_user bigint, from_account bigint, into_account bigint, entry bigint,
    OUT opened_part smallint, OUT opened_at timestamptz
) LANGUAGE plpgsql SET search_path = public, pg_temp AS $payments$
DECLARE
    packet record;
    amount bigint;
    is_last boolean;
BEGIN
    SELECT * INTO packet FROM payments_red_packet WHERE id = of_packet FOR NO KEY UPDATE;
    IF packet.state IS DISTINCT FROM 'open' OR packet.expires_at <= clock_timestamp() THEN
        RETURN;
    END IF;
    PERFORM 1 FROM payments_red_packet_claim WHERE packet_id = of_packet AND user_id = by_user;
    IF FOUND THEN
        RETURN;
    END IF;
    opened_part := packet.taken + 1;
    opened_at := clock_timestamp();
    amount := packet.amounts[opened_part];
    is_last := opened_part = packet.parts;
    INSERT INTO payments_red_packet_claim (packet_id, user_id, part, amount_minor, created_at)
    VALUES (of_packet, by_user, opened_part, amount, opened_at);
    UPDATE payments_red_packet
    SET taken = opened_part, claimed_minor = claimed_minor + amount,
        state = CASE WHEN is_last THEN 'finished' ELSE state END,
        closed_at = CASE WHEN is_last THEN opened_at END
    WHERE id = of_packet;
    PERFORM ledger_transfer(
        entry, from_account, into_account, amount, packet.currency,
        'payments.red_packet', of_packet::text, 'claim:' || by_user, false
    );
END $payments$;
