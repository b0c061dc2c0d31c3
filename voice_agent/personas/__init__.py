"""Who the agent is: the persona's document, its prompt, and the scenarios that it knows."""
