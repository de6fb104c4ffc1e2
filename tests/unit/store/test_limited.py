"""A query that takes too long is ended, and neither the one before nor the one behind it notices."""

from pathlib import Path

import pytest

from tallystick_store.engine.limited import Limited, QueryTimeoutError
from tallystick_store.query import Query
from tallystick_store.reach import Reach
from tests.patience import PATIENCE_S
from tests.requirements import requirement
from tests.stores import Emitter, open_store, write

ENDLESS = "WITH RECURSIVE t AS (SELECT 1 AS a UNION ALL SELECT a + 1 FROM t) SELECT max(a) FROM t"


@requirement("use.query-limit")
@pytest.mark.parametrize("reach", [Reach(), Reach(has_payload=False)])
def test_a_query_without_end_is_ended(tmp_path: Path, reach: Reach) -> None:
    store = open_store(tmp_path)
    write(store, [Emitter().call()])
    whole = store.database.within(reach)
    for ask in (Limited(whole, 0.2).rows, Limited(whole, 0.2).arrow):
        with pytest.raises(QueryTimeoutError, match=r"took longer than 0\.2 s"):
            ask(ENDLESS)
    assert len(Query(Limited(whole, PATIENCE_S)).counts()) > 1
    write(store, [Emitter("two").call()])
    assert Limited(whole, PATIENCE_S).rows("SELECT count(*) FROM events") == [(2,)]
    store.close()
