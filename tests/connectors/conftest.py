import asyncio
import shutil

import pytest
from tests.connectors.certificates import TestAuthority
from tests.connectors.looks import free_port


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return TestAuthority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
async def redis_server(tmp_path):
    """Start throw-away Redis servers: `port, process = await redis_server("--maxclients", "5")`."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    running = []

    async def start(*options: str):
        port = free_port()
        folder = tmp_path / str(port)
        folder.mkdir()
        process = await asyncio.create_subprocess_exec(
            "redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "",
            "--dir", str(folder), *options,
            stdout=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        running.append(process)
        await accepting(port)
        return port, process

    yield start
    for process in running:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def accepting(port: int, *, within_s: float = 10.0) -> None:
    """Wait until something listens."""
    async with asyncio.timeout(within_s):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return
