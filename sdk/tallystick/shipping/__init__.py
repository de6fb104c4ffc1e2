"""From the spool to the service: enrolment, requests, what an answer covers, and what dead processes left."""
