"""What theory says: exact laws, to hold a schedule against.

`network`, `repair`: servers that workers queue for. `rounds`: barriers, and the first c of p.
`counts`: gradients by a time. `staleness`: its laws. `conservation`: what any trace's clock says of
it. `stability`: delays on a quadratic. `expectations`: which of them apply to a scenario.
"""
