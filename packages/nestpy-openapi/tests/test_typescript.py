"""A TypeScript client is made of the document, and its compiler knows what fits and what does not."""

import shutil
import subprocess
from pathlib import Path

import pytest

from nestpy_openapi._document import compose, encoded

pytestmark = [pytest.mark.e2e, pytest.mark.needs("node", "npm"), pytest.mark.timeout(300)]

PACKAGES = ("openapi-typescript@7.13.0", "typescript@5.9.3")
CACHE = Path(__file__).parents[3] / ".hatch" / "node" / "-".join(PACKAGES).replace("@", "-")

USE = """
import type { components, operations, paths } from "./api";

type Cat = components["schemas"]["Cat"];
type NewCat = components["schemas"]["NewCat"];
type Listed = operations["cats_list"]["parameters"]["query"];
type Made = operations["cats_create"]["responses"][201]["content"]["application/json"];
type Problem = paths["/cats/{cat_id}"]["get"]["responses"][404]["content"]["application/problem+json"];

export const fits: NewCat = { name: "Tom", color: "white" };
export const asked: Listed = { sort: "age", page: 2, color: "black", names: ["Tom"] };
export const made = (cat: Made): string[] => [cat.name, cat.weight, cat.since, cat.owner?.name ?? ""];
export const status = (problem: Problem): number => problem.status;
export const path: paths["/cats/{cat_id}"]["get"]["parameters"]["path"] = { cat_id: 7 };
export const things: components["schemas"]["Visit"]["things"] = [{ type: "walk", minutes: 3 }];
export const cat = (one: Cat): number => one.id + one.age;

// @ts-expect-error a required field is missing
export const nameless: NewCat = { age: 3 };
// @ts-expect-error no such field
export const more: NewCat = { name: "Tom", colour: "white" };
// @ts-expect-error no such colour
export const green: NewCat = { name: "Tom", color: "green" };
// @ts-expect-error no such order
export const sorted: Listed = { sort: "size" };
// @ts-expect-error a text is no number
export const named: paths["/cats/{cat_id}"]["get"]["parameters"]["path"] = { cat_id: "Tom" };
// @ts-expect-error hidden routes have no types
export type Hidden = paths["/answers/hidden"];
"""


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """The folder of the two programs, installed once for every run in this clone."""
    binaries = CACHE / "node_modules" / ".bin"
    if not binaries.exists():
        fresh = tmp_path_factory.mktemp("node")
        command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--no-package-lock", "--prefix", fresh]
        subprocess.run([*command, *PACKAGES], check=True, capture_output=True)
        CACHE.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(CACHE, ignore_errors=True)
        shutil.move(fresh, CACHE)
    return binaries


def test_openapi_typescript_makes_types_that_the_compiler_accepts(shelter, programs, tmp_path):
    (tmp_path / "api.json").write_bytes(encoded(compose(shelter.app.graph)))
    (tmp_path / "use.ts").write_text(USE)
    # By default it asks requests for what answers always hold: fields with defaults.
    generate = [programs / "openapi-typescript", "api.json", "-o", "api.ts", "--default-non-nullable", "false"]
    subprocess.run(generate, cwd=tmp_path, check=True)
    options = ["--noEmit", "--strict", "--target", "es2022", "--module", "es2022", "--moduleResolution", "bundler"]
    check = [programs / "tsc", *options, "use.ts"]
    done = subprocess.run(check, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("", 0)
