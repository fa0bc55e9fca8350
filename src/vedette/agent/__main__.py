"""`python -m vedette.agent`: run an enrolled agent in as little memory as it can live in.

`vedette agent` reads the command line, enrols at need and then becomes this process: neither the
command-line library nor a join token is left in it. The options come as one JSON text.
"""

import asyncio
import signal
import sys

from vedette.agent.program import Agent, Options
from vedette.errors import EXIT_CODES, VedetteError
from vedette.logs import configure_logs


async def run(options: Options) -> None:
    """Run until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    agent = Agent(options)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, agent.request_stop)
    async with agent:
        await agent.wait()


def main() -> int:
    """Return the exit code; errors are one line on stderr."""
    options = Options.from_json(sys.argv[1])
    try:
        configure_logs(options.log, usually="text")
        asyncio.run(run(options))
    except VedetteError as error:
        sys.stderr.write(f"vedette: {error}\n")
        return EXIT_CODES[error.kind]
    return 0


if __name__ == "__main__":
    sys.exit(main())
