"""The demo portfolio: plainly fictional companies, taken through the real services one business day at a time."""
