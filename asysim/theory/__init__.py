"""What theory says: exact laws, to hold a schedule against, and what is proven of convergence.

`network`, `repair`: servers that workers queue for. `rounds`: barriers, and the first c of p.
`counts`: gradients by a time. `staleness`: its laws. `conservation`: what any trace's clock says of
it. `stability`: delays on a quadratic. `expectations`: which of them apply to a scenario.

`consistent`, `lock_free`: what the papers prove of ‖∇f‖². `limits`: orders of the workers that have
linear speedup. `complexity`: of the time that methods take. `estimates`: a problem's constants.
"""
