"""`stagebridge serve`: webhooks in, our API and pages, and the work behind them, in one process.

app      everything that is answered over HTTP
hall     what works beside it
server   the process
"""
