"""Messages to others: that a contact changed, a stage was reached, a conversion was recorded, or that something needs a person.

messages   what is told, and in which form it is posted
noting     into the ledger, in the transaction that decides it
outlets    who is told: connections with an address, and subscribers
sender     from the ledger to them, in order, until they have it
inspect    looking at all that, and sending something once more
guard, poster, signing   the way out: only to public addresses, bounded, signed
"""
