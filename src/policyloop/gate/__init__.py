"""Stage 8: estimates -> verdict. Decides whether a model may go live, and whether one that is live may stay."""
