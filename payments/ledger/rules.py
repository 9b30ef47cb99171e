"""What has to hold in the ledger, as questions to Postgres. ``check.py`` asks them.

Each is one statement, so it sees one moment of the database and is right while money moves. Those that read whole
tables come as walks: a stretch of ids at a time. What is wrong comes back as a sentence with the ids in it.
"""

#: Every rule, and what it says. ``registry.checks`` adds those of other rooms.
RULES = {
    "totals": "all balances of a currency add up to zero, with what is not folded in yet",
    "functions": "the functions that move money are those of this release",
    "privileges": "only the owner of the tables could write them, past the functions",
    "guards": "triggers, constraints and unique indexes are there and work",
    "balances": "an account has what its last posting left, and as many postings as it counts",
    "held": "an account holds what its open holds add up to",
    "limits": "an account is between its floor and its ceiling, and empty when it is closed",
    "kinds": "an account has a floor, a state and a way of posting that accounts of its kind have",
    "places": "a posting has its place, unless its account is an appended one",
    "sums": "an entry has two legs or more, which add up to zero in each currency",
    "parties": "a posting has its entry, and an account of its currency",
    "chain": "an account's postings have numbers without a gap, each leaves what was there before and its amount",
    "moments": "an account's postings are in the order of time",
    "reversals": "an entry that takes another back has its legs the other way round",
    "holds": "a hold is of an account of its currency, and as high as its last raise",
    "captures": "no more is captured than was held, and by an entry that takes as much",
}

TOTALS = """
    SELECT count(*), array_agg(ARRAY['totals', format('%%s adds up to %%s', currency, total)]) FILTER (WHERE total <> 0)
    FROM (
        SELECT currency, sum(amount) AS total FROM (
            SELECT currency, balance_minor AS amount FROM ledger_account
            UNION ALL
            SELECT currency, amount_minor FROM ledger_posting WHERE seq IS NULL
        ) AS parts GROUP BY currency
    ) AS sums
"""

# A walk's second statement is given the ids that its first one found: ``after`` < id <= ``last``. So the planner knows
# how few they are; LIMIT 1 keeps it from reading a whole table instead of looking one row up.
ACCOUNTS = """
    WITH facts AS (
        SELECT account.*, coalesce(newest.seq, 0) AS last_seq, coalesce(newest.balance_after_minor, 0) AS last_balance,
            newest.posted_at AS last_at,
            (SELECT coalesce(sum(amount_minor), 0) FROM ledger_hold AS hold
             WHERE hold.account_id = account.id AND status = 'open') AS open_minor,
            (SELECT entry_id FROM ledger_posting AS waiting
             WHERE waiting.account_id = account.id AND seq IS NULL AND NOT is_appended LIMIT 1) AS unplaced
        FROM ledger_account AS account LEFT JOIN LATERAL (
            SELECT seq, balance_after_minor, posted_at FROM ledger_posting
            WHERE account_id = account.id AND seq IS NOT NULL ORDER BY seq DESC LIMIT 1
        ) AS newest ON true
        WHERE account.id > %(after)s AND account.id <= %(last)s
    )
    SELECT
        (SELECT count(*) FROM facts),
        array_agg(ARRAY[rule, format('account %%s ', id) || problem])
    FROM facts CROSS JOIN LATERAL (VALUES
        ('balances', CASE WHEN balance_minor <> last_balance
            THEN format('has %%s, its last posting left %%s', balance_minor, last_balance) END),
        ('balances', CASE WHEN seq <> last_seq
            THEN format('counts %%s postings, its last one is number %%s', seq, last_seq) END),
        ('balances', CASE WHEN moved_at < last_at
            THEN format('moved at %%s, its last posting is from %%s', moved_at, last_at) END),
        ('held', CASE WHEN held_minor <> open_minor
            THEN format('holds %%s, its open holds add up to %%s', held_minor, open_minor) END),
        ('limits', CASE WHEN balance_minor - held_minor < floor_minor
            THEN format('has %%s, %%s held, below its floor of %%s', balance_minor, held_minor, floor_minor) END),
        ('limits', CASE WHEN is_appended AND balance_minor > ceiling_minor
            THEN format('has %%s, above its ceiling of %%s', balance_minor, ceiling_minor) END),
        ('limits', CASE WHEN status = 'closed' AND (balance_minor, held_minor) <> (0, 0)
            THEN format('is closed with %%s in it', balance_minor) END),
        ('kinds', CASE WHEN kind IN ('wallet', 'merchant') AND coalesce(floor_minor < 0, true)
            THEN format('is a %%s that may have less than nothing', kind) END),
        ('kinds', CASE WHEN status NOT IN ('open', 'frozen', 'closed')
            THEN format('is %%s, which is no state of an account', status) END),
        ('kinds', CASE WHEN is_appended <> (kind IN ('merchant', 'escrow', 'fee', 'world'))
            THEN format('is a %%s, and %%s', kind, CASE WHEN is_appended THEN 'appended' ELSE 'not appended' END) END),
        ('places', CASE WHEN unplaced IS NOT NULL THEN format('has no place for its part of entry %%s', unplaced) END)
    ) AS looked (rule, problem) WHERE problem IS NOT NULL
"""

ENTRIES = """
    WITH entry AS MATERIALIZED (
        SELECT id, reverses_id FROM ledger_entry WHERE id > %(after)s AND id <= %(last)s
    ), leg AS MATERIALIZED (
        SELECT posting.*, account.currency AS of_currency, before.seq AS before_seq,
            before.balance_after_minor AS before_minor, before.posted_at AS before_at
        FROM ledger_posting AS posting
        LEFT JOIN LATERAL (
            SELECT currency FROM ledger_account WHERE id = posting.account_id LIMIT 1
        ) AS account ON true
        LEFT JOIN LATERAL (
            SELECT seq, balance_after_minor, posted_at FROM ledger_posting AS earlier
            WHERE earlier.account_id = posting.account_id AND earlier.seq = posting.seq - 1 LIMIT 1
        ) AS before ON posting.seq > 1
        WHERE posting.entry_id > %(after)s AND posting.entry_id <= %(last)s
    ), found AS (
        SELECT 'sums' AS rule, format('entry %%s adds up to %%s %%s', entry_id, sum(amount_minor), currency) AS problem
        FROM leg GROUP BY entry_id, currency HAVING sum(amount_minor) <> 0
        UNION ALL
        SELECT 'sums', format('entry %%s has %%s legs', id, count(entry_id))
        FROM entry LEFT JOIN leg ON entry_id = id GROUP BY id HAVING count(entry_id) < 2
        UNION ALL
        SELECT 'parties', format('entry %%s is not there, account %%s has a part in it', entry_id, account_id)
        FROM leg WHERE NOT EXISTS (SELECT FROM entry WHERE id = entry_id)
        UNION ALL
        SELECT 'parties', format('account %%s of entry %%s is not there', account_id, entry_id)
        FROM leg WHERE of_currency IS NULL
        UNION ALL
        SELECT 'parties', format('account %%s of entry %%s is in %%s, not in %%s',
            account_id, entry_id, of_currency, currency)
        FROM leg WHERE of_currency <> currency
        UNION ALL
        SELECT 'chain', format('account %%s has number %%s and no number %%s', account_id, seq, seq - 1)
        FROM leg WHERE seq > 1 AND before_seq IS NULL
        UNION ALL
        SELECT 'chain', format('account %%s had %%s before its posting %%s, which moves %%s and leaves %%s',
            account_id, coalesce(before_minor, 0), seq, amount_minor, balance_after_minor)
        FROM leg WHERE (seq = 1 OR before_seq IS NOT NULL)
            AND balance_after_minor IS DISTINCT FROM coalesce(before_minor, 0) + amount_minor
        UNION ALL
        SELECT 'moments', format('account %%s has posting %%s from before its posting %%s', account_id, seq, before_seq)
        FROM leg WHERE posted_at < before_at
        UNION ALL
        SELECT 'reversals', format('entry %%s is not entry %%s the other way round', id, reverses_id)
        FROM entry WHERE reverses_id IS NOT NULL AND (
            SELECT array_agg(ARRAY[account_id, amount_minor] ORDER BY account_id) FROM ledger_posting
            WHERE entry_id = entry.id
        ) IS DISTINCT FROM (
            SELECT array_agg(ARRAY[account_id, -amount_minor] ORDER BY account_id) FROM ledger_posting
            WHERE entry_id = entry.reverses_id
        )
    )
    SELECT (SELECT count(*) FROM entry), (SELECT array_agg(ARRAY[rule, problem]) FROM found)
"""

HOLDS = """
    WITH facts AS (
        SELECT hold.*, account.currency AS of_currency, greatest(asked_minor, raised.amount_minor) AS raised_minor,
            (SELECT amount_minor FROM ledger_posting AS posting
             WHERE posting.entry_id = hold.entry_id AND posting.account_id = hold.account_id LIMIT 1) AS paid_minor
        FROM ledger_hold AS hold
        LEFT JOIN LATERAL (SELECT currency FROM ledger_account WHERE id = hold.account_id LIMIT 1) AS account ON true
        LEFT JOIN LATERAL (
            SELECT max(amount_minor) AS amount_minor FROM ledger_hold_step WHERE hold_id = hold.id
        ) AS raised ON true
        WHERE hold.id > %(after)s AND hold.id <= %(last)s
    )
    SELECT
        (SELECT count(*) FROM facts),
        array_agg(ARRAY[rule, format('hold %%s of account %%s ', id, account_id) || problem])
    FROM facts CROSS JOIN LATERAL (VALUES
        ('holds', CASE WHEN of_currency IS NULL THEN 'has no such account' END),
        ('holds', CASE WHEN of_currency <> currency
            THEN format('is in %%s, the account in %%s', currency, of_currency) END),
        ('holds', CASE WHEN amount_minor <> raised_minor
            THEN format('is of %%s, and was raised to %%s', amount_minor, raised_minor) END),
        ('captures', CASE WHEN captured_minor > amount_minor
            THEN format('is of %%s, of which %%s are captured', amount_minor, captured_minor) END),
        ('captures', CASE WHEN captured_minor > 0 AND status <> 'captured'
            THEN format('is %%s, and %%s of it captured', status, captured_minor) END),
        ('captures', CASE WHEN status = 'captured' AND paid_minor IS DISTINCT FROM -captured_minor
            THEN format('says that %%s are captured, entry %%s takes %%s', captured_minor,
                coalesce(entry_id::text, 'none'), coalesce(-paid_minor, 0)) END)
    ) AS looked (rule, problem) WHERE problem IS NOT NULL
"""

#: Table, statement, and the rules that it asks for. Ids rise with time; of holds, and of accounts, old ones change.
WALKS = {
    "accounts": ("ledger_account", ACCOUNTS, ("balances", "held", "limits", "kinds", "places")),
    "entries": ("ledger_entry", ENTRIES, ("sums", "parties", "chain", "moments", "reversals")),
    "holds": ("ledger_hold", HOLDS, ("holds", "captures")),
}
