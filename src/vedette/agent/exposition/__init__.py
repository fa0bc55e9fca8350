"""Reading what exporters expose: Prometheus text 0.0.4 and 1.0.0, OpenMetrics 1.0.

`grammar` reads a line, `page` a whole body and remembers it: a line that did not change is not read
again. Nothing here knows of connectors or the network.
"""
