"""Commands that run Vedette or work on this machine; a file is imported when its command runs."""
