# Thousands of paths do not fit a command line: `collect` plans the run again and finds them itself.
rule collect:
    input:
        rows=RUN.all_rows,
        measurements=RUN.all_measurements,
        tasks=RUN.all_tasks,
    output:
        runs=f"{RESULTS}/runs.parquet",
        table=f"{RESULTS}/runs.csv",
        curves=f"{RESULTS}/curves.parquet",
        attention=f"{RESULTS}/attention.parquet",
        measurements=f"{RESULTS}/measurements.csv",
        provenance=f"{RESULTS}/provenance.json",
    log:
        f"logs/{RUN.name}/collect.log",
    conda:
        "../envs/python.yaml"
    params:
        config=lambda wildcards: RUN.config_json,
        where=lambda wildcards: RUN.where,
        code=lambda wildcards: RUN.code("collect"),
    message:
        "collecting {RUN.name}"
    shell:
        "python -m workflow.steps.collect {params.where:q} --config {params.config:q} "
        "> {log} 2>&1 || {{ tail -n 5 {log} >&2; exit 1; }}"


rule report:
    input:
        rules.collect.output,
    output:
        page=report(f"{RESULTS}/index.html", category="Page"),
        comparisons=f"{RESULTS}/comparisons.csv",
        table=report(f"{RESULTS}/tables/main.csv", category="Tables"),
        figures=directory(f"{RESULTS}/figures"),
    log:
        f"logs/{RUN.name}/report.log",
    conda:
        "../envs/python.yaml"
    params:
        settings=lambda wildcards: RUN.report_settings,
        code=lambda wildcards: RUN.code("report"),
    message:
        "writing tables, figures and {output.page}"
    shell:
        "python -m workflow.steps.report $(dirname {output.page}) --settings {params.settings:q} "
        "> {log} 2>&1 || {{ tail -n 5 {log} >&2; exit 1; }}"
