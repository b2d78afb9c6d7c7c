"""Both sides of the sockets read the same table."""

import ast
import asyncio
import pathlib

from simulators.board import records

BUS = pathlib.Path(records.__file__).parent / "device" / "sim_bus.py"


def test_board_and_host_have_the_same_numbers() -> None:
    theirs: dict[str, object] = {}
    for node in ast.parse(BUS.read_text()).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple):
            names = [name.id for name in node.targets[0].elts if isinstance(name, ast.Name)]
            theirs.update(zip(names, ast.literal_eval(node.value), strict=True))
    assert len(theirs) > 20
    assert theirs == {name: getattr(records, name) for name in theirs}
    assert f'RECORD = "{records.RECORD.format}"' in BUS.read_text()
    assert f"SIZE = {records.RECORD.size}\n" in BUS.read_text()


def test_a_record_comes_out_as_it_went_in_and_a_torn_one_is_the_end() -> None:
    async def scenario() -> None:
        reader = asyncio.StreamReader()
        whole = records.packed(records.HALT, 2, -5, 4_000_000_000, b"payload")
        reader.feed_data(whole + whole[:-1])
        reader.feed_eof()
        record = await records.received(reader)
        assert record is not None
        assert record[:4] == (records.HALT, 2, -5, 4_000_000_000)
        assert record.payload == b"payload"
        assert 0 <= records.now_us() - record.time_us < 60_000_000
        assert await records.received(reader) is None

    asyncio.run(scenario())
