"""The connectors that come with Vedette; each is a class behind the door of `agent/connector.py`.

`errors` is their vocabulary, `wire` their only way out, `exchange` HTTP, `limits` and `rates` what
numbers mean. Nothing heavy is imported before the first look that needs it.
"""
