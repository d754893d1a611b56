"""`/v1`: what programs ask of a running `stagebridge serve`.

callers  who asks, and what he is told when it goes wrong
bodies   what is handed over
given    from there into the ledger, and what became of it
people   contacts and samples out of the ledger
routes   the addresses
"""
