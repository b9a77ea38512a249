import assert from "node:assert/strict";
import { test } from "node:test";
import { rewriteLink, rewritePage } from "../../src/apiserver/connect/links.ts";

const prefix = "/api/v1/namespaces/n/pods/p/proxy";
const place = { prefix, hosts: ["10.0.0.1:80", "api:6443"] };

test("a link from the root of its server leads through the proxy, every other one stays", () => {
  assert.equal(rewriteLink("/a/b?c=/d#e", place), `${prefix}/a/b?c=/d#e`);
  assert.equal(rewriteLink("/a/../b/", place), `${prefix}/b/`);
  assert.equal(rewriteLink("http://10.0.0.1:80/a", place), `${prefix}/a`);
  assert.equal(rewriteLink("//api:6443/a", place), `${prefix}/a`);
  for (const link of [
    "a/b",
    "#x",
    "?y",
    "",
    "mailto:a@b",
    "https://elsewhere/a",
    "//elsewhere/a",
    `${prefix}/a`,
  ])
    assert.equal(rewriteLink(link, place), link);
});

test("links of a page are found in the attributes that hold such, and nowhere else", () => {
  const page = (a: string): string =>
    `<!doctype html><!-- <a href="/no"> --><p title="/no">1 < 2 <A class=x HREF='${a}/yes'>/no</A>` +
    `<img alt=">" src=${a}/yes><script src="${a}/yes">"<a href='/no'>"</script><textarea><a href="/no"></textarea><form action="${a}/yes">`;
  assert.equal(rewritePage(page(""), place), page(prefix));
  for (const broken of ['<a href="/x', "<!-- <a href=/x>", "<script><a href=/x>", "<", "</", "a < b"])
    assert.equal(rewritePage(broken, place), broken);
});

test("a page that is made to be slow is not", () => {
  const started = performance.now();
  for (const part of ["<", "<a ", "<!--", "<script>", "<a href=", '<a href="', "</s", "a=a="])
    rewritePage(part.repeat(100_000), place);
  rewritePage(`<a ${"x".repeat(500_000)}>`, place);
  assert.ok(performance.now() - started < 5_000);
});
