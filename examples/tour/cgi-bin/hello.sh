#!/bin/sh
# A CGI script: the request is in its environment, what it prints is the response.
echo "Content-Type: text/plain; charset=utf-8"
echo
echo "$GREETING, process $$."
echo "You asked for $SCRIPT_NAME${PATH_INFO:+, and below it for $PATH_INFO}${QUERY_STRING:+, with the query $QUERY_STRING}."
