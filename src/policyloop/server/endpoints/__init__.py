"""The endpoints. A file here lists its rows of the table in `ENDPOINTS`; routes, OpenAPI and tests follow."""
