"""The poller: asks Map-Resolvers for EIDs as an ITR does, and says what is wrong with the answers.

A process of its own, started by the daemon. It asks the daemon what to do and what
is registered (``query_client``), Map-Resolvers for the EIDs (``lig``), and leaves
what it found in the state folder, where the HTTP process reads it.
"""
