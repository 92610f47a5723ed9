-- Made up for this example: two regions, four ports, four days.
INSERT INTO regions VALUES ('asia', NULL), ('europe', NULL), ('north_sea', 'europe');
INSERT INTO ports VALUES ('CNSHA', 'asia'), ('SGSIN', 'asia'), ('NLRTM', 'north_sea'), ('ITGOA', 'europe');
INSERT INTO prices VALUES
    ('CNSHA', 'NLRTM', '2016-01-01', 1100), ('CNSHA', 'NLRTM', '2016-01-01', 1200), ('SGSIN', 'NLRTM', '2016-01-01', 1300),
    ('CNSHA', 'NLRTM', '2016-01-02', 1500), ('CNSHA', 'NLRTM', '2016-01-02', 1700),
    ('CNSHA', 'ITGOA', '2016-01-03', 900), ('SGSIN', 'ITGOA', '2016-01-03', 1000), ('SGSIN', 'NLRTM', '2016-01-03', 1100)
