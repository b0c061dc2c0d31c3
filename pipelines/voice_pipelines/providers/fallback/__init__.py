"""Several providers as one: the first that serves is taken, those that fail are left alone.

Candidates are asked in their order; one whose breaker is open is skipped without waiting. Whoever
listens hears one provider per answer: another is asked only as long as nothing of the answer has
been passed on, so that no half sentence is ever said twice. What fails after that is an error of
the answer, and counts against the provider all the same.

::

    FallbackLanguageModel ─┬─ Candidate("a", BudgetedLanguageModel(…), Breaker(), Health(…))
                           └─ Candidate("b", BudgetedLanguageModel(…), Breaker(), Health(…))

A fallback knows errors, not time: without a budget around it a candidate may stall for ever. When
all candidates rest, `ProviderBusy` says for how long, at once: an apology now is better than a
silence. A fallback of one candidate is a breaker and a health report around it.
"""
