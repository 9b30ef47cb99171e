"""What a competent person writes in plain Django for two requests of ours: function views, no middleware, no framework.

The same tables, the same statements in the same transactions, the same bytes in the answers. Settings, models and views
are its own, so that nothing which the product gains or loses changes it; when an answer of the product gains a field,
this one has to follow, and the bench says so.
"""
