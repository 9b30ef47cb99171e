"""How much the load and race tests do: small in `make test`, everything with SUPERAPP_TEST_SIZE=full."""

import os
from dataclasses import dataclass

SIZE = os.environ.get("SUPERAPP_TEST_SIZE", "smoke")


@dataclass(frozen=True)
class Sizes:
    # Clients that talk while processes are killed.
    talking_clients: int
    # Sockets that one gateway process holds while nothing happens.
    idle_sockets: int
    # Sockets that are told to look after a time without Redis.
    resynced_sockets: int
    # Clients that lose their gateway and come back to it.
    returning_sockets: int
    # Attempts at one sign-in code, at the same time.
    parallel_guesses: int
    # Codes asked for known and for unknown numbers, for the two median times.
    code_requests: int
    # How often those on a staff take the same thing into their hands at the same moment.
    staff_races: int
    # Events of each of twelve keys that are in the outbox while relays are killed.
    events_per_key: int
    # Members of the largest group.
    group_members: int
    # Who comes to the group of the scripted day, and how many of them are there with a socket.
    day_members: int
    day_talkers: int
    # Messages of each of the writers who write into one group at the same time.
    messages_per_writer: int
    # How long a line may say nothing before it counts as dead, and a reader take nothing: at full size the real ones.
    silence_seconds: float
    stalled_seconds: float
    # How long strangers' frames are thrown at a gateway; half as long strangers' requests.
    fuzz_seconds: float
    # Texts of any kind that are looked for by themselves.
    search_examples: int
    # Pairs of people who have talked when a backup is made.
    backed_up_pairs: int
    # Requests that are made up for each operation of the API.
    fuzz_examples: int
    # Histories of a few people's conversations that are made up, and how much happens in each.
    chat_models: int
    chat_model_steps: int
    # Recordings and films with bytes changed at random, of each kind.
    mangled_films: int
    # Conversations that a card was sent to when it changes.
    card_copies: int
    # Histories of a small ledger that are made up, and how much happens in each.
    ledger_models: int
    ledger_model_steps: int
    # How long transfers to one merchant go on, as fast as they can.
    hot_merchant_seconds: float
    # How often the process that folds is killed meanwhile.
    killed_folders: int
    # Transfers each way between two people who pay one another from eight threads each.
    transfers_each_way: int
    # How often a transfer is accepted, cancelled and returned at the moment at which its time is over.
    transfer_ends: int
    # Parts of a red packet, and members of its group who tap it.
    packet_parts: int
    packet_claimers: int
    # How often people open one while its day ends, and while they are sent away.
    packet_races: int
    # Histories of red packets that are made up.
    packet_models: int
    # How often a hold is captured, released and expired at the same moment.
    hold_endings: int
    # Of each of a dozen threads that move money in every way there is.
    deeds_of_each: int
    # Payments to one merchant, by eight people who never pause, while a part of it goes back.
    rush_payments: int
    # Histories of payments to a shop that are made up, and how much happens in each.
    shop_models: int
    shop_model_steps: int
    # Lines of the longest statement.
    statement_lines: int
    # How often web, worker, loops and PostgreSQL are killed in turn while money moves, and transfers between two blows.
    kill_rounds: int
    transfers_between_kills: int


sizes = {
    "smoke": Sizes(
        talking_clients=12,
        idle_sockets=300,
        resynced_sockets=200,
        returning_sockets=100,
        parallel_guesses=200,
        code_requests=10,
        staff_races=3,
        events_per_key=25,
        group_members=500,
        day_members=60,
        day_talkers=8,
        messages_per_writer=12,
        silence_seconds=6,
        stalled_seconds=0.5,
        fuzz_seconds=2,
        search_examples=200,
        backed_up_pairs=3,
        fuzz_examples=6,
        chat_models=12,
        chat_model_steps=20,
        mangled_films=6,
        card_copies=20,
        ledger_models=40,
        ledger_model_steps=25,
        hot_merchant_seconds=2,
        killed_folders=1,
        transfers_each_way=32,
        transfer_ends=6,
        packet_parts=20,
        packet_claimers=60,
        packet_races=3,
        packet_models=4,
        hold_endings=4,
        deeds_of_each=20,
        rush_payments=80,
        shop_models=6,
        shop_model_steps=20,
        statement_lines=3_000,
        kill_rounds=2,
        transfers_between_kills=20,
    ),
    "full": Sizes(
        talking_clients=50,
        idle_sockets=5_000,
        resynced_sockets=2_000,
        returning_sockets=5_000,
        parallel_guesses=1_000,
        code_requests=500,
        staff_races=60,
        events_per_key=500,
        group_members=500,
        day_members=500,
        day_talkers=60,
        messages_per_writer=500,
        silence_seconds=70,
        stalled_seconds=20,
        fuzz_seconds=200,
        search_examples=5_000,
        backed_up_pairs=400,
        fuzz_examples=100,
        chat_models=100,
        chat_model_steps=50,
        mangled_films=300,
        card_copies=500,
        ledger_models=1_000,
        ledger_model_steps=50,
        hot_merchant_seconds=60,
        killed_folders=10,
        transfers_each_way=200,
        transfer_ends=100,
        packet_parts=50,
        packet_claimers=300,
        packet_races=40,
        packet_models=200,
        hold_endings=60,
        deeds_of_each=2_000,
        rush_payments=4_000,
        shop_models=200,
        shop_model_steps=50,
        statement_lines=50_000,
        kill_rounds=20,
        transfers_between_kills=60,
    ),
}[SIZE]
