"""JupyterLab and Chromium, driven by tests: a server of its own, one page, cells and outputs."""

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest

from support import ROOT
from support.notebook_checks import trained_once

sync_api = pytest.importorskip("playwright.sync_api", reason="needs Playwright: jacklib[dev]")

START = 120  # seconds until JupyterLab answers and the notebook's kernel is ready
RUN = 1200  # seconds for all cells, on a busy machine where Jittor still has to compile
ANSWER = 60  # seconds for one answer of the widget: it draws a picture

# Settings of the user's that would put pop-ups over the page or fetch news.
LAB_SETTINGS = {
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/extensionmanager-extension/plugin": {"enabled": False},
}

# One entry a code cell of the open notebook, also of those that JupyterLab has not drawn yet.
CELLS = """() => {
    const found = [];
    window.jupyterapp.shell.currentWidget.content.widgets.forEach((cell, index) => {
        const model = cell.model.sharedModel.toJSON();
        if (model.cell_type !== 'code') return;
        const source = [].concat(model.source).join('');
        if (!source.trim()) return;
        const outputs = model.outputs.map(output => ({
            kind: output.name ?? output.output_type,
            text: [].concat(output.traceback ?? output.text ?? []).join(''),
            types: Object.keys(output.data ?? {}),
        }));
        found.push({index, source, done: model.execution_count !== null, outputs});
    });
    return found;
}"""
KERNEL = "() => window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status"
GO_TO = """async index => {
    const notebook = window.jupyterapp.shell.currentWidget.content;
    notebook.activeCellIndex = index;
    await notebook.scrollToItem(index, 'center');
}"""


def end(process: subprocess.Popen) -> None:
    """End a process and all that it started, such as the server's kernels."""
    with contextlib.suppress(psutil.NoSuchProcess):
        family = psutil.Process(process.pid).children(recursive=True)
        process.terminate()  # the server then ends its kernels itself
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(30)
        for member in [*family, psutil.Process(process.pid)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
    process.wait()


@contextlib.contextmanager
def jupyterlab(root: Path, private: Path):
    """JupyterLab on the folder root, apart from the user's settings; yields address and token."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(16)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("JUPYTER")}
    for name in ("CONFIG", "DATA", "RUNTIME"):
        environment[f"JUPYTER_{name}_DIR"] = str(private / name.lower())
    environment["JUPYTER_CONFIG_PATH"] = str(ROOT / "script" / "jupyter")  # as `run.sh lab` does
    environment["JUPYTERLAB_SETTINGS_DIR"] = str(private / "settings")
    environment["JUPYTERLAB_WORKSPACES_DIR"] = str(private / "workspaces")
    environment |= trained_once()
    environment["IPYTHONDIR"] = str(private / "ipython")
    environment["PYTHONPATH"] = os.pathsep.join(
        [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    )
    for name, values in LAB_SETTINGS.items():
        path = private / "settings" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values), encoding="utf-8")
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ServerApp.ip=127.0.0.1"]
    command += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    command += [f"--ServerApp.root_dir={root}", f"--IdentityProvider.token={token}"]
    command += ["--LabApp.expose_app_in_browser=True"]  # CELLS reads the notebook's model by it
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    log = private / "jupyterlab.log"
    with open(log, "w") as stream:
        process = subprocess.Popen(
            command, cwd=root, env=environment, stdout=stream, stderr=subprocess.STDOUT
        )
    address = f"http://127.0.0.1:{port}"
    # SIGTERM (a time limit on the whole run), like Ctrl-C, is to come by the `finally` below.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        deadline = time.monotonic() + START
        while True:
            assert process.poll() is None, f"JupyterLab ended:\n{log.read_text()[-3000:]}"
            assert time.monotonic() < deadline, f"JupyterLab is silent:\n{log.read_text()[-3000:]}"
            try:
                urllib.request.urlopen(f"{address}/api", timeout=5).close()
                break
            except (urllib.error.URLError, OSError):
                time.sleep(0.3)
        yield address, token
    finally:
        end(process)
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def browser_page(chromium: str):
    """A page of a new, private browser; yields it with the list of outside addresses it asks for.

    Nothing outside this machine is reached: widgets that need a CDN fail here.
    """
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        try:
            page = browser.new_page(viewport={"width": 1400, "height": 1400})
            outside = []

            def gate(route):
                if route.request.url.startswith("http://127.0.0.1:"):
                    route.continue_()
                else:
                    outside.append(route.request.url)
                    route.abort()

            page.route(lambda url: url.startswith("http"), gate)
            yield page, outside
        finally:
            browser.close()


def wait_until(page, what, seconds, condition, pause=0.25):
    """The first true value of condition(), asked again after each pause; the page lives on."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        page.wait_for_timeout(1000 * pause)
    return value


def open_notebook(page, server, name: str) -> None:
    address, token = server
    page.goto(f"{address}/lab/tree/{name}?token={token}", timeout=START * 1000)
    page.locator(".jp-Notebook").wait_for(timeout=START * 1000)

    def ready():
        # "Select Kernel", where the notebook's kernel has another name on this machine.
        for button in page.locator(".jp-Dialog .jp-mod-accept").all():
            button.click()
        return page.evaluate(KERNEL) == "idle"

    wait_until(page, "the kernel is ready", START, ready)


def errors(cells) -> list[str]:
    """The errors among the outputs: raised by a cell, or printed by what a cell called."""
    found = []
    for cell in cells:
        for output in cell["outputs"]:
            if output["kind"] == "error" or "Traceback (most recent" in output["text"]:
                found.append(f"{cell['source']}\n{output['text']}")
    return found


def printed(cells) -> str:
    return "".join(output["text"] for cell in cells for output in cell["outputs"])


def run_all(page) -> list[dict]:
    return run(page, "Run All Cells")


def run(page, entry: str) -> list[dict]:
    """An entry of the menu Run, to the end of its cells; all code cells with their outputs."""
    page.locator(".lm-MenuBar-item", has_text="Run").first.click()
    page.locator(".lm-Menu-item", has_text=entry).first.click()

    def finished():
        cells = page.evaluate(CELLS)
        assert not errors(cells), "\n\n".join(errors(cells))
        return all(cell["done"] for cell in cells) and page.evaluate(KERNEL) == "idle" and cells

    return wait_until(page, "all cells have run", RUN, finished, pause=1)


def widget_cell(cells, call: str) -> int:
    """The place of the cell that shows the widget, and nothing but the widget."""
    (cell,) = [cell for cell in cells if call in cell["source"]]
    assert [output["kind"] for output in cell["outputs"]] == ["execute_result"], cell["outputs"]
    assert "application/vnd.jupyter.widget-view+json" in cell["outputs"][0]["types"]
    return cell["index"]
