"""The thread beside the recorder: in order, and past whatever the disk says."""

from devices.video_badge.worker import Worker


def test_tasks_are_done_in_order_and_an_error_of_the_disk_is_told_and_ends_nothing() -> None:
    done: list[object] = []

    def broken() -> None:
        raise OSError(5, "Input/output error")

    worker = Worker("test", done.append)
    worker.do(lambda: done.append(1))
    worker.do(broken)
    worker.do(lambda: done.append(2))
    worker.start()
    worker.close()
    assert [str(one) for one in done] == ["1", "[Errno 5] Input/output error", "2"]
    worker.close()
