# Thousands of paths do not fit a command line: `collect` plans the run again and finds them itself.
rule collect:
    input:
        blocks=RUN.all_blocks,
        measurements=RUN.all_measurements,
        tasks=RUN.all_tasks,
        config=lambda wildcards: RUN.config_file,
    output:
        runs=f"{RESULTS}/runs.parquet",
        table=f"{RESULTS}/runs.csv",
        curves=f"{RESULTS}/curves.parquet",
        terms=f"{RESULTS}/terms.parquet",
        attention=f"{RESULTS}/attention.parquet",
        layers=f"{RESULTS}/layers.parquet",
        measurements=f"{RESULTS}/measurements.csv",
        provenance=f"{RESULTS}/provenance.json",
    log:
        f"logs/{RUN.name}/collect.log",
    conda:
        "../envs/python.yaml"
    params:
        content=lambda wildcards: content(RUN.config_file),
    message:
        "collecting {RUN.name}"
    shell:
        "logged {log} python -m workflow.steps.collect {input.config}"


rule report:
    input:
        rules.collect.output,
        settings=RUN.settings_file,
    output:
        page=report(f"{RESULTS}/index.html", category="Page"),
        comparisons=f"{RESULTS}/comparisons.csv",
        table=report(f"{RESULTS}/tables/main.csv", category="Tables"),
        paper=report(f"{RESULTS}/tables/paper.html", category="Tables"),
        figures=report(directory(f"{RESULTS}/figures"), patterns=["{figure}.svg"], category="Figures"),
    log:
        f"logs/{RUN.name}/report.log",
    conda:
        "../envs/python.yaml"
    params:
        content=lambda wildcards: content(RUN.settings_file),
    message:
        "writing tables, figures and {output.page}"
    shell:
        "logged {log} python -m workflow.steps.report $(dirname {output.page}) {input.settings}"
