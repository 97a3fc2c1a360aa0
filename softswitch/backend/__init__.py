"""Questions to the business systems behind the switch: which server is asked, when it is given up. Pure."""
