"""The schema that Terraform gets. Needs requirements.txt; from the folder above: python -m unittest discover tests"""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from fakeprov.providers import load  # noqa: E402
from fakeprov.schema import TYPES, Schema, only  # noqa: E402
from fakeprov.server import functions_field  # noqa: E402
from fakeprov.wire import fbytes, parse, text  # noqa: E402

SCHEMA = Schema('aws', cached=False)


def entries(response):
    """the entries of each field but the types, and the names of the types by field"""
    fields = parse(response)
    return ({n: v for n, v in fields.items() if n not in TYPES}, {n: {text(parse(e), 1) for e in fields.get(n, [])} for n in TYPES})


class OnlySomeTypes(unittest.TestCase):
    def test_other_types_are_left_out_and_nothing_else(self):
        whole = SCHEMA.response(functions_field(7, load('aws', SCHEMA).functions))
        names = {'aws_vpc', 'aws_iam_policy_document', 'aws_secretsmanager_secret_version', 'aws_no_such_type'}
        rest, types = entries(only(whole, names))
        all_rest, all_types = entries(whole)
        self.assertEqual(all_rest, rest)
        self.assertEqual({n: names & all_types[n] for n in TYPES}, types)
        self.assertTrue(all(types.values()))

    def test_all_types_are_the_whole_response(self):
        whole = SCHEMA.response()
        self.assertEqual(whole, only(whole, set().union(*(SCHEMA.index[kind] for kind in TYPES.values()))))

    def test_long_entries_are_kept_whole(self):
        entry = fbytes(2, fbytes(1, 'aws_a') + fbytes(2, b'x' * 100_000))
        self.assertEqual(entry, only(entry + fbytes(2, fbytes(1, 'aws_b')), {'aws_a'}))


if __name__ == '__main__':
    unittest.main()
