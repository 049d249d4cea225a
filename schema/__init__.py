"""The contract: what a client may say. The only package that is written in strawberry.

Types declare, records carry: an object type here lists names, types and descriptions, and its values are the records of
`trailcast.records`, whose attributes have the same names. So nothing is copied on the way out, and a renamed column cannot
rename the API.
"""
